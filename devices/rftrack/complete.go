package rftrack

import "bytes"

// Complete puts the request round a form.
func (Codec) Complete(copied []byte) (frame []byte, lacked string) {
	form := bytes.Trim(copied, "\r\n")
	if name, _, ok := bytes.Cut(form, []byte("=")); !ok || len(name) == 0 || bytes.ContainsAny(name, " &\r\n") || len(form) > maxBody {
		return nil, ""
	}
	return Frame(form), "the request round the form"
}

package record

import "github.com/sargas-em/em"

// appendChange appends a change as it is kept until somebody has taken it.
func appendChange(dst []byte, c *em.Change) ([]byte, error) {
	dst = em.AppendUint(em.AppendUint(dst, uint64(c.Kind)), uint64(c.Clock))
	for _, e := range []*em.Event{&c.Event, &c.Was} {
		var doc []byte
		if e.ID != (em.EventID{}) {
			var err error
			if doc, err = e.AppendBinary(nil); err != nil {
				return dst, wrap(err)
			}
		}
		dst = em.AppendString(dst, string(doc))
	}
	return append(em.AppendTime(dst, c.Known), c.Cause[:]...), nil
}

// readChange reads what appendChange wrote. Of what the reader finds it keeps the
// error.
func readChange(r *em.StateReader, c *em.Change) error {
	c.Kind, c.Clock = em.ChangeKind(r.Uint()), em.Clock(r.Uint())
	for _, e := range []*em.Event{&c.Event, &c.Was} {
		if doc := r.Bytes(r.Len()); len(doc) > 0 {
			if err := e.UnmarshalBinary(doc); err != nil {
				return err
			}
		}
	}
	c.Known = r.Time()
	copy(c.Cause[:], r.Bytes(len(c.Cause)))
	return nil
}

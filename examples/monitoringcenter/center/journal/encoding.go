package journal

import (
	"errors"
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// A message of the log is a version byte, the number of reports and the
// reports; each carries the raw frames beside what they decoded to, so that the
// log alone is enough to decode again.
const commitVersion = 1

func appendCommitHeader(dst []byte, reports int) []byte {
	return em.AppendUint(append(dst, commitVersion), uint64(reports))
}

func appendReport(dst []byte, r *protocol.Report) ([]byte, error) {
	dst = em.AppendString(em.AppendString(dst, r.Conn), r.Codec)
	dst = em.AppendTime(em.AppendString(dst, string(r.Device)), r.Received)
	dst = em.AppendUint(dst, uint64(len(r.Frames)))
	var obs []byte
	for i := range r.Frames {
		f := &r.Frames[i]
		dst = em.AppendString(em.AppendInt(dst, f.Offset), string(f.Raw))
		dst = em.AppendString(dst, f.Type)
		msg := ""
		if f.Err != nil {
			msg = f.Err.Error()
		}
		dst = em.AppendString(dst, msg)
		dst = em.AppendUint(dst, uint64(len(f.Observations)))
		for _, o := range f.Observations {
			var err error
			if obs, err = o.AppendBinary(obs[:0]); err != nil {
				return nil, err
			}
			dst = em.AppendString(dst, string(obs))
		}
	}
	return dst, nil
}

func readCommit(b []byte) ([]protocol.Report, error) {
	r := em.NewStateReader(b)
	if v := r.Bytes(1); v == nil || v[0] != commitVersion {
		return nil, fmt.Errorf("%w: not a commit of this version", em.ErrState)
	}
	var reports []protocol.Report
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		reports = append(reports, readReport(r))
	}
	return reports, r.Close()
}

func readReport(r *em.StateReader) protocol.Report {
	rep := protocol.Report{Conn: r.String(), Codec: r.String(), Device: em.DeviceID(r.String()), Received: r.Time()}
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		f := protocol.ReportFrame{Offset: r.Int(), Raw: append([]byte(nil), r.Bytes(r.Len())...), Type: r.String()}
		if msg := r.String(); msg != "" {
			f.Err = errors.New(msg)
		}
		for m := r.Len(); m > 0 && r.Err() == nil; m-- {
			var o em.Observation
			if err := o.UnmarshalBinary(r.Bytes(r.Len())); err != nil {
				r.Fail(err.Error())
				break
			}
			f.Observations = append(f.Observations, o)
		}
		rep.Frames = append(rep.Frames, f)
	}
	return rep
}

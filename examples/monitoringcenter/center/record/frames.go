package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Raw frames are kept as they came, those of one transaction and day in one row, a
// chunk, packed together. A frame's number says which chunk and which place in it.
// They are found from the arrivals that came in them, and dropped by the day.

// framesPerChunk bounds the places in a chunk.
const framesPerChunk = 1 << 16

// chunkBytes is from which size on a chunk is ended within a transaction.
const chunkBytes = 1 << 20

// chunkLevel packs as small as the standard library's fastest, in less than half of the
// time.
const chunkLevel = 2

func frameNumber(chunk int64, place int) int64 { return chunk<<16 | int64(place) }
func chunkOf(frame int64) int64                { return frame >> 16 }
func placeOf(frame int64) int                  { return int(frame & (framesPerChunk - 1)) }

// chunk collects the frames of a day.
type chunk struct {
	number   int64
	received time.Time // of the frame before
	n        int
	data     []byte
}

// AddFrame keeps one frame of a report as it came, and returns its number. Seq is
// the position in the log.
func (t *Tx) AddFrame(seq uint64, r *protocol.Report, f *protocol.ReportFrame) (int64, error) {
	msg := ""
	if f.Err != nil {
		msg = f.Err.Error()
	}
	day := dayOf(r.Received)
	b, err := t.bucket(day)
	if err != nil {
		return 0, err
	}
	c := t.chunks[day]
	if c != nil && (c.n == framesPerChunk || len(c.data) >= chunkBytes) {
		if err := t.writeChunk(day, c); err != nil {
			return 0, err
		}
		c = nil
	}
	if c == nil {
		n, err := t.chunkNumber()
		if err != nil {
			return 0, err
		}
		c = &chunk{number: n, data: t.s.spare.frames[:0]}
		t.s.spare.frames = nil // until it is written: there may be one of another day
		t.chunks[day] = c
	}
	c.data = em.AppendUint(c.data, seq)
	c.data = em.AppendInt(c.data, r.Received.Unix()-c.received.Unix())
	c.data = em.AppendUint(c.data, uint64(r.Received.Nanosecond()))
	for _, s := range []string{r.Conn, r.Codec, string(r.Device), f.Type, msg} {
		c.data = em.AppendString(c.data, s)
	}
	c.data = append(em.AppendUint(c.data, uint64(len(f.Raw))), f.Raw...)
	c.received = r.Received
	c.n++
	b.frames++
	if msg != "" {
		b.frameErrors++
	}
	return frameNumber(c.number, c.n-1), nil
}

// FrameRow is one stored frame.
type FrameRow struct {
	Received time.Time
	Type     string
	Error    string
	Raw      []byte
}

// readChunk reads the row of a chunk.
func readChunk(data []byte) ([]FrameRow, error) {
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(data)))
	if err != nil {
		return nil, fmt.Errorf("record: frames: %w", err)
	}
	return readFrames(plain)
}

func readFrames(plain []byte) ([]FrameRow, error) {
	var all []FrameRow
	var last time.Time
	for r := em.NewStateReader(plain); r.More(); {
		r.Uint() // the position in the log
		sec := last.Unix() + r.Int()
		f := FrameRow{Received: time.Unix(sec, int64(r.Uint())).UTC()}
		for range 3 { // connection, dialect, device
			_ = r.String()
		}
		f.Type, f.Error, f.Raw = r.String(), r.String(), []byte(r.String())
		last = f.Received
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("record: frames: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

// writeChunk writes a chunk.
func (t *Tx) writeChunk(day int64, c *chunk) error {
	packed := &t.s.spare.packed
	packed.Reset()
	z := &t.s.deflate
	if *z == nil {
		*z, _ = flate.NewWriter(nil, chunkLevel) // which is one of flate's own
	}
	(*z).Reset(packed)
	if _, err := (*z).Write(c.data); err != nil {
		return fmt.Errorf("record: frames: %w", err)
	}
	if err := (*z).Close(); err != nil {
		return fmt.Errorf("record: frames: %w", err)
	}
	delete(t.chunks, day)
	t.s.spare.frames = c.data
	return t.exec(`INSERT INTO `+framesTable(day)+` (chunk, data) VALUES (?,?)`, c.number, packed.Bytes())
}

// flushFrames writes what AddFrame has collected.
func (t *Tx) flushFrames() error {
	for day, c := range t.chunks {
		if err := t.writeChunk(day, c); err != nil {
			return err
		}
	}
	return nil
}

// frameOf returns the frame of an arrival, nil where it is not kept any more.
func (v view) frameOf(ctx context.Context, received time.Time, number int64, chunks map[int64][]FrameRow) (*FrameRow, error) {
	n := chunkOf(number)
	all, read := chunks[n]
	if !read {
		if !v.has(dayOf(received)) {
			return nil, nil
		}
		data, err := collect(ctx, v.q, func(rows row, b *[]byte) error { return rows.Scan(b) },
			`SELECT data FROM `+framesTable(dayOf(received))+` WHERE chunk = ?`, n)
		if err != nil {
			return nil, err
		}
		if len(data) == 1 {
			if all, err = readChunk(data[0]); err != nil {
				return nil, err
			}
		}
		chunks[n] = all
	}
	if placeOf(number) >= len(all) {
		return nil, nil
	}
	return &all[placeOf(number)], nil
}

// recent is the last frames of an unknown device, oldest first, as one value.
type recent []FrameRow

// recentMost bounds the frames that are kept of an unknown device, and recentBytes
// each of them.
const (
	recentMost  = 5
	recentBytes = 4 << 10
)

func (f recent) append(dst []byte) []byte {
	for _, r := range f {
		dst = em.AppendTime(dst, r.Received)
		dst = em.AppendString(em.AppendString(dst, r.Type), r.Error)
		dst = em.AppendString(dst, string(r.Raw[:min(len(r.Raw), recentBytes)]))
	}
	return dst
}

func readRecent(b []byte) (recent, error) {
	var all recent
	r := em.NewStateReader(b)
	for r.More() {
		all = append(all, FrameRow{r.Time(), r.String(), r.String(), []byte(r.String())})
	}
	return all, r.Err()
}

// add adds the frames of a report.
func (f recent) add(r *protocol.Report) recent {
	for i := max(0, len(r.Frames)-recentMost); i < len(r.Frames); i++ {
		row := FrameRow{Received: r.Received, Type: r.Frames[i].Type, Raw: r.Frames[i].Raw}
		if err := r.Frames[i].Err; err != nil {
			row.Error = err.Error()
		}
		f = append(f, row)
	}
	return f[max(0, len(f)-recentMost):]
}

// newestFirst returns at most n of them.
func (f recent) newestFirst(n int) []FrameRow {
	all := slices.Clone(f)
	slices.Reverse(all)
	return all[:min(n, len(all))]
}

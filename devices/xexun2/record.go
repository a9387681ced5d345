package xexun2

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// reader reads one payload. Its lists are room for those of the records.
type reader struct {
	wire.Cursor
	wifi    []Heard
	cells   []Cell
	modules []Module
	fuller  []Fuller
}

// located is a report with room for the modules of its records, one each, as most
// have, so that it is one allocation.
type located[R, M, F any] struct {
	report  Report
	records R
	modules M
	fuller  F
}

// heard is a report of one record with what most have that were made indoors.
type heard struct {
	located[[1]Record, [2]Module, [1]Fuller]
	wifi  [6]Heard
	cells [4]Cell
}

// report makes a report of that many records.
func (f *reader) report(n int) (*Report, []Record) {
	c := &f.Cursor
	switch {
	case n == 0 || n > 12:
		return wire.OwnList[Report, Record](c, n)
	case n == 1 && hears(f.Ahead()):
		s := wire.Own[heard](c)
		f.wifi, f.cells, f.modules, f.fuller = s.wifi[:0], s.cells[:0], s.modules[:0], s.fuller[:0]
		return &s.report, s.records[:0]
	case n == 1:
		s := wire.Own[located[[1]Record, [1]Module, [1]Fuller]](c)
		f.modules, f.fuller = s.modules[:0], s.fuller[:0]
		return &s.report, s.records[:0]
	case n <= 4:
		s := wire.Own[located[[4]Record, [4]Module, [4]Fuller]](c)
		f.modules, f.fuller = s.modules[:0], s.fuller[:0]
		return &s.report, s.records[:0]
	}
	s := wire.Own[located[[12]Record, [12]Module, [12]Fuller]](c)
	f.modules, f.fuller = s.modules[:0], s.fuller[:0]
	return &s.report, s.records[:0]
}

// hears reports whether the one record of a payload has access points or cells.
func hears(payload []byte) bool {
	const mask = 1 + 2 + recordHead - 1 // of the record, behind their number and a length
	if len(payload) <= mask || payload[mask]&HasPositioning == 0 {
		return false
	}
	at := mask + 1
	if payload[mask]&HasAlarm != 0 {
		at += 4
	}
	return at < len(payload) && payload[at]&(HasWiFi|HasCells) != 0
}

// take returns an empty list with room for n elements, of what is left of room
// where that is enough.
func take[E any](c *wire.Cursor, room *[]E, n int) []E {
	if n == 0 || n > cap(*room) {
		return wire.List[E](c, n)
	}
	list := (*room)[:0:n]
	*room = (*room)[n:n:cap(*room)]
	return list
}

// records reads a payload: the number of records, their lengths, and they
// themselves, into the room of list.
func (f *reader) records(list []Record) []Record {
	n := int(f.U8("records"))
	lengths := f.Ahead()
	for range n {
		f.U16("record length")
	}
	if n == 0 || f.Err() != nil {
		return nil
	}
	for i := range n {
		outer := f.Limit(int(binary.BigEndian.Uint16(lengths[2*i:])), "record")
		list = list[:i+1]
		if f.Memory() != nil {
			list[i] = Record{}
		}
		f.record(&list[i])
		f.Restore(outer)
		if f.Err() != nil {
			return nil
		}
	}
	return list
}

var recordParts = []wire.Part{{Name: "index", Len: 1}, {Name: "time", Len: 4}, {Name: "csq", Len: 1}, {Name: "battery", Len: 2}, {Name: "mask", Len: 1}}

// recordHead is the length of what all records have.
const recordHead = 1 + 4 + 1 + 2 + 1

func (f *reader) record(r *Record) {
	b := f.Block(recordHead, recordParts)[:recordHead]
	r.Index, r.Seconds, r.CSQ = b[0], binary.BigEndian.Uint32(b[1:]), b[5]
	r.Battery, r.Mask = binary.BigEndian.Uint16(b[6:]), b[8]
	if r.Has(HasAlarm) {
		r.Alarm = Alarms(f.U32("alarm"))
	}
	if r.Has(HasPositioning) {
		f.positioning(&r.Positioning)
	}
	if r.Has(HasFingerprint) {
		copy(r.Fingerprint[:], f.Bytes(len(r.Fingerprint), "fingerprint"))
	}
	if r.Has(HasVersion) {
		copy(r.Version[:], f.Bytes(len(r.Version), "version"))
		copy(r.IMSI[:], f.Bytes(len(r.IMSI), "imsi"))
		copy(r.ICCID[:], f.Bytes(len(r.ICCID), "iccid"))
	}
	if r.Has(HasParameters) {
		copy(r.Parameters[:], f.Bytes(len(r.Parameters), "parameters"))
	}
	r.Tail = f.RestData("tail")
}

func (f *reader) positioning(p *Positioning) {
	p.Mask = f.U8("positioning")
	if p.Has(HasGNSS32) {
		p.GNSS32.Satellites = f.U8("satellites")
		p.GNSS32.Lng = f.single("longitude")
		p.GNSS32.Lat = f.single("latitude")
	}
	if p.Has(HasWiFi) {
		n := int(f.U8("access points"))
		list := take(&f.Cursor, &f.wifi, min(n, f.Len()/7))
		for range n {
			var h Heard
			copy(h.MAC[:], f.Bytes(len(h.MAC), "mac"))
			h.Level = f.level()
			if f.Err() != nil {
				return
			}
			list = append(list, h)
			p.WiFi = list
		}
	}
	if p.Has(HasCells) {
		n := int(f.U8("cells"))
		list := take(&f.Cursor, &f.cells, min(n, f.Len()/13))
		for range n {
			c := Cell{MCC: f.U16("mcc"), MNC: f.U16("mnc"), LAC: f.U32("lac"), CID: f.U32("cid"), Level: f.level()}
			if f.Err() != nil {
				return
			}
			list = append(list, c)
			p.Cells = list
		}
	}
	if p.Has(HasRanges) {
		n := int(f.U8("ranges"))
		list := wire.List[[12]byte](&f.Cursor, min(n, f.Len()/12))
		for range n {
			var r [12]byte
			copy(r[:], f.Bytes(len(r), "time of flight"))
			if f.Err() != nil {
				return
			}
			list = append(list, r)
			p.Ranges = list
		}
	}
	if p.Has(HasMotion) {
		p.Motion = f.motion()
	}
	if p.Has(HasGNSS64) {
		p.GNSS64.Satellites = f.U8("satellites")
		p.GNSS64.Lng = f.double("longitude")
		p.GNSS64.Lat = f.double("latitude")
	}
	if p.Has(HasModules) {
		outer := f.Limit(int(f.U16("modules")), "modules")
		list := take(&f.Cursor, &f.modules, f.countModules())
		for f.Len() > 0 {
			p.Modules = list[:len(p.Modules)+1]
			f.module(&p.Modules[len(p.Modules)-1])
		}
		f.Restore(outer)
	}
}

// countModules returns how many modules are left.
func (f *reader) countModules() (n int) {
	const head = 1 + 2
	for b := f.Ahead(); len(b) > 0; n++ {
		if len(b) < head {
			return n + 1
		}
		b = b[min(head+int(binary.BigEndian.Uint16(b[1:])), len(b)):]
	}
	return n
}

// moduleG is the length of a module G.
const moduleG = 8 + 8 + 1 + 1 + 1 + 2 + 2 + 4

// module reads a module; m may have been another's.
func (f *reader) module(m *Module) {
	m.Kind = f.U8("module")
	n := int(f.U16("module length"))
	if m.Kind != 'G' || n != moduleG {
		if m.Data, m.G = f.Data(n, "module data"), nil; m.Data == nil {
			m.Data = []byte{}
		}
		return
	}
	g := &take(&f.Cursor, &f.fuller, 1)[:1][0]
	m.Data, m.G = nil, g
	be, b := binary.BigEndian, f.Block(moduleG, moduleParts)[:moduleG]
	g.Lng, g.Lat = finite(math.Float64frombits(be.Uint64(b))), finite(math.Float64frombits(be.Uint64(b[8:])))
	g.Valid, g.Satellites, g.SNR = b[16], b[17], b[18]
	g.Motion.Speed, g.Motion.Course = be.Uint16(b[19:]), be.Uint16(b[21:])
	g.Altitude = finite(float64(math.Float32frombits(be.Uint32(b[23:]))))
}

var moduleParts = []wire.Part{
	{Name: "longitude", Len: 8}, {Name: "latitude", Len: 8}, {Name: "valid", Len: 1}, {Name: "satellites", Len: 1},
	{Name: "snr", Len: 1}, {Name: "speed", Len: 2}, {Name: "course", Len: 2}, {Name: "altitude", Len: 4},
}

func (f *reader) motion() Motion { return Motion{Speed: f.U16("speed"), Course: f.U16("course")} }

func (f *reader) level() int8 {
	v := int8(f.U8("level"))
	return v
}

func (f *reader) single(name string) em.Opt[float64] {
	v := float64(math.Float32frombits(f.U32(name)))
	return finite(v)
}

func (f *reader) double(name string) em.Opt[float64] {
	v := math.Float64frombits(f.U64(name))
	return finite(v)
}

func finite(v float64) em.Opt[float64] {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return em.Opt[float64]{}
	}
	return em.Some(v)
}

// payload returns the records as they are sent. What a mask does not name is left out.
func (m *Report) payload() ([]byte, error) {
	if len(m.Records) > math.MaxUint8 {
		return nil, fmt.Errorf("%d records", len(m.Records))
	}
	lengths := []byte{uint8(len(m.Records))}
	var all []byte
	for i := range m.Records {
		b, err := m.Records[i].append(nil)
		if err != nil {
			return nil, err
		}
		lengths = binary.BigEndian.AppendUint16(lengths, uint16(len(b)))
		all = append(all, b...)
	}
	return append(lengths, all...), nil
}

func (r *Record) append(b []byte) ([]byte, error) {
	b = append(b, r.Index)
	b = binary.BigEndian.AppendUint32(b, r.Seconds)
	b = append(b, r.CSQ)
	b = binary.BigEndian.AppendUint16(b, r.Battery)
	b = append(b, r.Mask)
	if r.Has(HasAlarm) {
		b = binary.BigEndian.AppendUint32(b, uint32(r.Alarm))
	}
	if r.Has(HasPositioning) {
		var err error
		if b, err = r.Positioning.append(b); err != nil {
			return nil, err
		}
	}
	if r.Has(HasFingerprint) {
		b = append(b, r.Fingerprint[:]...)
	}
	if r.Has(HasVersion) {
		b = append(append(append(b, r.Version[:]...), r.IMSI[:]...), r.ICCID[:]...)
	}
	if r.Has(HasParameters) {
		b = append(b, r.Parameters[:]...)
	}
	b = append(b, r.Tail...)
	if len(b) > lengthMask {
		return nil, fmt.Errorf("a record of %d bytes", len(b))
	}
	return b, nil
}

func (p *Positioning) append(b []byte) ([]byte, error) {
	if len(p.WiFi) > math.MaxUint8 || len(p.Cells) > math.MaxUint8 || len(p.Ranges) > math.MaxUint8 {
		return nil, fmt.Errorf("%d access points, %d cells, %d ranges", len(p.WiFi), len(p.Cells), len(p.Ranges))
	}
	b = append(b, p.Mask)
	if p.Has(HasGNSS32) {
		b = append(b, p.GNSS32.Satellites)
		b = appendSingle(appendSingle(b, p.GNSS32.Lng), p.GNSS32.Lat)
	}
	if p.Has(HasWiFi) {
		b = append(b, uint8(len(p.WiFi)))
		for _, h := range p.WiFi {
			b = append(append(b, h.MAC[:]...), uint8(h.Level))
		}
	}
	if p.Has(HasCells) {
		b = append(b, uint8(len(p.Cells)))
		for _, c := range p.Cells {
			b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, c.MCC), c.MNC)
			b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, c.LAC), c.CID)
			b = append(b, uint8(c.Level))
		}
	}
	if p.Has(HasRanges) {
		b = append(b, uint8(len(p.Ranges)))
		for _, r := range p.Ranges {
			b = append(b, r[:]...)
		}
	}
	if p.Has(HasMotion) {
		b = appendMotion(b, p.Motion)
	}
	if p.Has(HasGNSS64) {
		b = append(b, p.GNSS64.Satellites)
		b = appendDouble(appendDouble(b, p.GNSS64.Lng), p.GNSS64.Lat)
	}
	if p.Has(HasModules) {
		var all []byte
		for _, m := range p.Modules {
			data := m.Data
			if g := m.G; g != nil {
				data = appendDouble(appendDouble(nil, g.Lng), g.Lat)
				data = append(data, g.Valid, g.Satellites, g.SNR)
				data = appendSingle(appendMotion(data, g.Motion), g.Altitude)
			}
			if g := m.Kind == 'G' && len(data) == moduleG; g != (m.G != nil) || len(data) > lengthMask {
				return nil, fmt.Errorf("module %q of %d bytes", m.Kind, len(data))
			}
			all = binary.BigEndian.AppendUint16(append(all, m.Kind), uint16(len(data)))
			all = append(all, data...)
		}
		if len(all) > lengthMask {
			return nil, fmt.Errorf("modules of %d bytes", len(all))
		}
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(all))), all...)
	}
	return b, nil
}

func appendMotion(b []byte, m Motion) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, m.Speed), m.Course)
}

func appendSingle(b []byte, v em.Opt[float64]) []byte {
	if !v.OK {
		v.V = math.NaN()
	}
	return binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v.V)))
}

func appendDouble(b []byte, v em.Opt[float64]) []byte {
	if !v.OK {
		v.V = math.NaN()
	}
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v.V))
}

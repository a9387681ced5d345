package xexun2

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/sargas-em/em/protocol/wire"
)

// reader reads one payload. Its lists are room for those of the records.
type reader struct {
	wire.Cursor
	radios  []Radio
	wifi    []Heard
	cells   []Cell
	modules []Module
}

// located is a report with room for the modules of its records, one each, as most
// have, so that it is one allocation.
type located[R, M any] struct {
	report  Report
	records R
	modules M
}

// heard is a report of one record with what most have that were made indoors.
type heard struct {
	located[[1]Record, [2]Module]
	radios [1]Radio
	wifi   [6]Heard
	cells  [4]Cell
}

// report makes a report of that many records.
func (f *reader) report(n int) (*Report, []Record) {
	c := &f.Cursor
	switch {
	case n == 1 && hears(f.Ahead()):
		s := wire.Own[heard](c)
		f.radios, f.wifi, f.cells, f.modules = s.radios[:0], s.wifi[:0], s.cells[:0], s.modules[:0]
		return &s.report, s.records[:0]
	case n == 1:
		s := wire.Own[located[[1]Record, [1]Module]](c)
		f.modules = s.modules[:0]
		return &s.report, s.records[:0]
	case n > 1 && n <= 4:
		s := wire.Own[located[[4]Record, [4]Module]](c)
		f.modules = s.modules[:0]
		return &s.report, s.records[:0]
	case n > 4 && n <= 12:
		s := wire.Own[located[[12]Record, [12]Module]](c)
		f.modules = s.modules[:0]
		return &s.report, s.records[:0]
	}
	m, list := wire.OwnList[Report, Record](c, n)
	clear(list[:n]) // may have been another report's
	return m, list
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
	if f.Len() == 0 && r.Mask&(HasFingerprint|HasVersion|HasParameters) == 0 {
		return // as mostly
	}
	start := f.Pos()
	for _, p := range otherParts {
		if r.Has(p.bit) {
			f.Block(p.len, p.fields)
		}
	}
	f.Rest("tail")
	r.Others = f.DataAt(start, f.Pos()-start)
}

var (
	gnss32Parts = []wire.Part{{Name: "satellites", Len: 1}, {Name: "longitude", Len: 4}, {Name: "latitude", Len: 4}}
	gnss64Parts = []wire.Part{{Name: "satellites", Len: 1}, {Name: "longitude", Len: 8}, {Name: "latitude", Len: 8}}
)

func (f *reader) positioning(p *Positioning) {
	be := binary.BigEndian
	p.Mask = f.U8("positioning")
	if p.Has(HasGNSS32) {
		b := f.Block(1+4+4, gnss32Parts)
		p.GNSS32 = GNSS32{Satellites: b[0], Lng: Single(be.Uint32(b[1:])), Lat: Single(be.Uint32(b[5:]))}
	}
	if p.Mask&(HasWiFi|HasCells|HasRanges) != 0 {
		p.Radio = &take(&f.Cursor, &f.radios, 1)[:1][0]
		f.radio(p)
	}
	if p.Has(HasMotion) {
		p.Motion = Motion{Speed: f.U16("speed"), Course: f.U16("course")}
	}
	if p.Has(HasGNSS64) {
		b := f.Block(1+8+8, gnss64Parts)
		p.GNSS64 = GNSS64{Satellites: b[0], Lng: Double(be.Uint64(b[1:])), Lat: Double(be.Uint64(b[9:]))}
	}
	if p.Has(HasModules) {
		p.Modules = f.moduleList()
	}
}

// radio reads what a device hears; the memory may have been another's.
func (f *reader) radio(p *Positioning) {
	*p.Radio = Radio{}
	if p.Has(HasWiFi) {
		n := int(f.U8("access points"))
		list := take(&f.Cursor, &f.wifi, min(n, f.Len()/7))
		for range n {
			var h Heard
			copy(h.MAC[:], f.Bytes(len(h.MAC), "mac"))
			h.Level = int8(f.U8("level"))
			if f.Err() != nil {
				return
			}
			list = append(list, h)
		}
		p.Radio.WiFi = list
	}
	if p.Has(HasCells) {
		n := int(f.U8("cells"))
		list := take(&f.Cursor, &f.cells, min(n, f.Len()/13))
		for range n {
			c := Cell{MCC: f.U16("mcc"), MNC: f.U16("mnc"), LAC: f.U32("lac"), CID: f.U32("cid"), Level: int8(f.U8("level"))}
			if f.Err() != nil {
				return
			}
			list = append(list, c)
		}
		p.Radio.Cells = list
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
		}
		p.Radio.Ranges = list
	}
}

// moduleHead is a module's kind and length.
const moduleHead = 1 + 2

var moduleParts = []wire.Part{{Name: "module", Len: 1}, {Name: "module length", Len: 2}}

func (f *reader) moduleList() []Module {
	outer := f.Limit(int(f.U16("modules")), "modules")
	list := take(&f.Cursor, &f.modules, f.countModules())
	for f.Len() > 0 {
		b := f.Block(moduleHead, moduleParts)
		list = append(list, Module{b[0], f.Data(int(binary.BigEndian.Uint16(b[1:])), "module data")})
	}
	f.Restore(outer)
	return list
}

// countModules returns how many modules are left.
func (f *reader) countModules() (n int) {
	for b := f.Ahead(); len(b) > 0; n++ {
		if len(b) < moduleHead {
			return n + 1
		}
		b = b[min(moduleHead+int(binary.BigEndian.Uint16(b[1:])), len(b)):]
	}
	return n
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
	need := 0
	for _, p := range otherParts {
		if r.Has(p.bit) {
			need += p.len
		}
	}
	if len(r.Others) < need {
		return nil, fmt.Errorf("other parts of %d bytes, not %d", len(r.Others), need)
	}
	if b = append(b, r.Others...); len(b) > lengthMask {
		return nil, fmt.Errorf("a record of %d bytes", len(b))
	}
	return b, nil
}

func (p *Positioning) append(b []byte) ([]byte, error) {
	be := binary.BigEndian
	var radio Radio
	if p.Radio != nil {
		radio = *p.Radio
	}
	if len(radio.WiFi) > math.MaxUint8 || len(radio.Cells) > math.MaxUint8 || len(radio.Ranges) > math.MaxUint8 {
		return nil, fmt.Errorf("%d access points, %d cells, %d ranges", len(radio.WiFi), len(radio.Cells), len(radio.Ranges))
	}
	b = append(b, p.Mask)
	if p.Has(HasGNSS32) {
		b = append(b, p.GNSS32.Satellites)
		b = be.AppendUint32(be.AppendUint32(b, uint32(p.GNSS32.Lng)), uint32(p.GNSS32.Lat))
	}
	if p.Has(HasWiFi) {
		b = append(b, uint8(len(radio.WiFi)))
		for _, h := range radio.WiFi {
			b = append(append(b, h.MAC[:]...), uint8(h.Level))
		}
	}
	if p.Has(HasCells) {
		b = append(b, uint8(len(radio.Cells)))
		for _, c := range radio.Cells {
			b = be.AppendUint16(be.AppendUint16(b, c.MCC), c.MNC)
			b = be.AppendUint32(be.AppendUint32(b, c.LAC), c.CID)
			b = append(b, uint8(c.Level))
		}
	}
	if p.Has(HasRanges) {
		b = append(b, uint8(len(radio.Ranges)))
		for _, r := range radio.Ranges {
			b = append(b, r[:]...)
		}
	}
	if p.Has(HasMotion) {
		b = p.Motion.append(b)
	}
	if p.Has(HasGNSS64) {
		b = append(b, p.GNSS64.Satellites)
		b = be.AppendUint64(be.AppendUint64(b, uint64(p.GNSS64.Lng)), uint64(p.GNSS64.Lat))
	}
	if p.Has(HasModules) {
		var all []byte
		for _, m := range p.Modules {
			if len(m.Data) > lengthMask {
				return nil, fmt.Errorf("module %q of %d bytes", m.Kind, len(m.Data))
			}
			all = be.AppendUint16(append(all, m.Kind), uint16(len(m.Data)))
			all = append(all, m.Data...)
		}
		if len(all) > lengthMask {
			return nil, fmt.Errorf("modules of %d bytes", len(all))
		}
		b = append(be.AppendUint16(b, uint16(len(all))), all...)
	}
	return b, nil
}

func (m Motion) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, m.Speed), m.Course)
}

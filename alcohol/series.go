package alcohol

import (
	"cmp"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Thin returns the series with at most limit points, for a drawing that has
// fewer columns than a wrist instrument has readings: a stream of one every 20
// seconds has 4,320 a day. Time is cut into equal parts, and of each part and
// device the points with the lowest and the highest level stay, so that the
// drawing keeps every peak and every dip; where no reading of a part was judged
// those with the lowest and the highest figure given stay. Where there are more
// devices than limit allows for, the last devices by name are left out.
//
// Points that stay are as they were. Dropped counts the others. Lines, bands and
// marks are not thinned: they are few. A limit below 4 counts as 4. The result
// shares no memory for points with s.
func (s Series) Thin(limit int) Series {
	limit = max(limit, 4)
	if len(s.Points) <= limit {
		s.Points = slices.Clone(s.Points)
		return s
	}
	by := map[em.DeviceID][]int{}
	var devices []em.DeviceID
	for i, p := range s.Points {
		if by[p.Device] == nil {
			devices = append(devices, p.Device)
		}
		by[p.Device] = append(by[p.Device], i)
	}
	slices.Sort(devices)
	devices = devices[:min(len(devices), limit/2)]
	parts := limit / (2 * len(devices))
	first, last := s.Points[0].At, s.Points[len(s.Points)-1].At
	width := last.Sub(first)/time.Duration(parts) + 1
	var stay []int
	for _, d := range devices {
		all := by[d]
		for len(all) > 0 {
			part := s.Points[all[0]].At.Sub(first) / width
			n := 1
			for n < len(all) && s.Points[all[n]].At.Sub(first)/width == part {
				n++
			}
			low, high := all[0], all[0]
			for _, i := range all[1:n] {
				if s.below(i, low) {
					low = i
				}
				if s.above(i, high) {
					high = i
				}
			}
			stay = append(stay, low)
			if high != low {
				stay = append(stay, high)
			}
			all = all[n:]
		}
	}
	slices.Sort(stay)
	points := make([]SeriesPoint, len(stay))
	for k, i := range stay {
		points[k] = s.Points[i]
	}
	s.Dropped += len(s.Points) - len(points)
	s.Points = points
	return s
}

// below and above order the points of one device: judged ones go before others,
// so that no refused reading stands for a part that has a level.
func (s *Series) below(i, j int) bool {
	a, b := &s.Points[i], &s.Points[j]
	if a.Level.OK != b.Level.OK {
		return a.Level.OK
	}
	return cmp.Or(cmp.Compare(a.Level.V, b.Level.V), a.compareGiven(b)) < 0
}

func (s *Series) above(i, j int) bool {
	a, b := &s.Points[i], &s.Points[j]
	if a.Level.OK != b.Level.OK {
		return a.Level.OK
	}
	return cmp.Or(cmp.Compare(a.Level.V, b.Level.V), a.compareGiven(b)) > 0
}

func (p *SeriesPoint) compareGiven(q *SeriesPoint) int {
	return cmp.Compare(p.Given.Float(), q.Given.Float())
}

package main

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// city is where invented people live. Populations and radii are round figures.
type city struct {
	lng, lat float64
	people   int     // thousands
	radius   float64 // metres, the deviation of homes from the center
}

var cities = []city{
	{25.28, 54.69, 600, 6000}, {23.90, 54.90, 300, 5000}, {21.14, 55.71, 160, 4000}, {23.31, 55.93, 110, 3500}, {24.36, 55.73, 90, 3000},
	{24.11, 56.95, 610, 7000}, {26.53, 55.87, 80, 3000}, {21.01, 56.51, 67, 3000}, {23.72, 56.65, 55, 2500}, {23.80, 56.97, 50, 4000},
	{24.75, 59.44, 450, 6000}, {26.72, 58.38, 97, 3000}, {28.19, 59.38, 53, 2500}, {24.50, 58.39, 41, 2500},
	{10.75, 59.91, 700, 7000}, {5.32, 60.39, 290, 5000}, {10.40, 63.43, 210, 5000}, {5.73, 58.97, 145, 4000},
	{8.00, 58.15, 115, 3500}, {10.20, 59.74, 103, 3500}, {18.96, 69.65, 78, 3000},
}

// town draws a city, weighted by population.
func town(r *rand.Rand) city {
	total := 0
	for _, c := range cities {
		total += c.people
	}
	k := r.IntN(total)
	for _, c := range cities {
		if k -= c.people; k < 0 {
			return c
		}
	}
	panic("unreachable")
}

// offset moves a position by metres.
func offset(p orb.Point, east, north float64) orb.Point {
	const degree = em.EarthRadius * math.Pi / 180
	return orb.Point{p[0] + east/(degree*math.Cos(p[1]*math.Pi/180)), p[1] + north/degree}
}

// near draws a position round a city, its radius times spread.
func (c city) near(r *rand.Rand, spread float64) orb.Point {
	return offset(orb.Point{c.lng, c.lat}, r.NormFloat64()*c.radius*spread, r.NormFloat64()*c.radius*spread)
}

// zoneAt invents a zone: a circle of 32 corners and 100 to 500 m, or a star of 6
// to 40 corners and 30 to 250 m. Coordinates have seven decimals.
func zoneAt(r *rand.Rand, center orb.Point) geofence.Area {
	var ring orb.Ring
	corner := func(angle, radius float64) {
		p := offset(center, radius*math.Cos(angle), radius*math.Sin(angle))
		ring = append(ring, orb.Point{math.Round(p[0]*1e7) / 1e7, math.Round(p[1]*1e7) / 1e7})
	}
	if r.IntN(2) == 0 {
		radius := 100 + 400*r.Float64()
		for k := range 32 {
			corner(2*math.Pi*float64(k)/32, radius)
		}
	} else {
		n := 6 + r.IntN(35)
		radius := 30 + 220*r.Float64()
		for k := range n {
			corner(2*math.Pi*(float64(k)+.8*r.Float64())/float64(n), radius*(.4+.6*r.Float64()))
		}
	}
	return geofence.Area{{append(ring, ring[0])}}
}

// exclusionZones are n invented zones round all cities, eight times as wide
// apart as people live.
func exclusionZones(seed uint64, n int) []geofence.Area {
	r := rand.New(rand.NewPCG(seed, 1))
	areas := make([]geofence.Area, n)
	for i := range areas {
		areas[i] = zoneAt(r, town(r).near(r, 8))
	}
	return areas
}

// Zones and points of a subject.
const (
	subjectZones  = 10
	subjectPoints = 13
)

// subject is a person with zones of their own.
type subject struct {
	zones [subjectZones]geofence.Area
	pts   [subjectPoints]em.LatLng
}

// subjects invents people: half of the points lie within 50 m of home, a quarter
// near one of the zones, a quarter anywhere in the city. The first zone is round
// the home.
func subjects(seed uint64, n int) []subject {
	r := rand.New(rand.NewPCG(seed, 2))
	list := make([]subject, n)
	for i := range list {
		s := &list[i]
		c := town(r)
		home := c.near(r, 1)
		var centers [subjectZones]orb.Point
		for k := range s.zones {
			centers[k] = c.near(r, 1)
			if k == 0 {
				centers[k] = home
			}
			s.zones[k] = zoneAt(r, centers[k])
		}
		for k := range s.pts {
			var p orb.Point
			switch r.IntN(4) {
			case 0:
				p = offset(centers[r.IntN(subjectZones)], 200*r.NormFloat64(), 200*r.NormFloat64())
			case 1:
				p = c.near(r, 1)
			default:
				angle, radius := 2*math.Pi*r.Float64(), 50*math.Sqrt(r.Float64())
				p = offset(home, radius*math.Cos(angle), radius*math.Sin(angle))
			}
			s.pts[k] = em.LatLng{Lng: p[0], Lat: p[1]}
		}
	}
	return list
}

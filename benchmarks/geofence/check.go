package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// errDisagree says that an engine gave another answer than golang/geo. No speed
// is printed then.
var errDisagree = errors.New("answers differ")

// answers are the hits of a load, in order of points and zones.
type answers []geofence.Hit

func collect(f finder, pts []em.LatLng) answers {
	var all answers
	find(f, pts, func(from int, hits []geofence.Hit) error {
		start := len(all)
		for _, h := range hits {
			all = append(all, geofence.Hit{Point: h.Point + int32(from), Zone: h.Zone})
		}
		sortHits(all[start:])
		return nil
	})
	return all
}

// oracleInParts returns golang/geo's answers to loads about more zones than fit in
// memory with its index: it asks about so many after each other.
func oracleInParts(d *dataset, loads []load, zones int) []answers {
	all := make([]answers, len(loads))
	for from := 0; from < len(d.split); from += zones {
		m := googleMethod(d, d.split[from:min(from+zones, len(d.split))], from)
		for i, l := range loads {
			for _, h := range collect(m.finder(), l.pts) {
				all[i] = append(all[i], geofence.Hit{Point: h.Point, Zone: h.Zone + int32(from)})
			}
		}
	}
	for _, a := range all {
		sortHits(a)
	}
	return all
}

func sortHits(hits []geofence.Hit) {
	compare := func(a, b geofence.Hit) int {
		return cmp.Or(cmp.Compare(a.Point, b.Point), cmp.Compare(a.Zone, b.Zone))
	}
	if !slices.IsSortedFunc(hits, compare) {
		slices.SortFunc(hits, compare)
	}
}

// checksum is of all (point, zone) pairs, by splitmix64: the same in any order.
func (a answers) checksum() string {
	sum := uint64(0)
	for _, h := range a {
		z := uint64(uint32(h.Point))<<32 | uint64(uint32(h.Zone))
		z += 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		sum += z ^ z>>31
	}
	return fmt.Sprintf("%016x", sum)
}

// differences counts the points to which got and want give different zones, and
// describes the first of them.
func differences(pts []em.LatLng, got, want answers) (n int, first string) {
	g, w := 0, 0
	for i, p := range pts {
		g0, w0 := g, w
		for g < len(got) && got[g].Point == int32(i) {
			g++
		}
		for w < len(want) && want[w].Point == int32(i) {
			w++
		}
		if slices.Equal(got[g0:g], want[w0:w]) {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("point %d (lat %v, lng %v): zones %s, golang/geo has %s", i, p.Lat, p.Lng, zonesOf(got[g0:g]), zonesOf(want[w0:w]))
		}
	}
	return n, first
}

func zonesOf(hits []geofence.Hit) string {
	zs := make([]string, len(hits))
	for i, h := range hits {
		zs[i] = fmt.Sprint(h.Zone)
	}
	return "[" + strings.Join(zs, " ") + "]"
}

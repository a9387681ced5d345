// Command first takes the bytes of a bracelet and tells that it entered a zone.
package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/protocol"
)

// What an invented bracelet sends over TCP: a login and two positions.
const stream = "78780d0109900000000000170001d9d40d0a" +
	"787817101a0a03040b27c905ddfd8802b640e805142d0002615c0d0a" +
	"787817101a0a03040c09c905de076002b653e405142d000320250d0a"

func main() {
	zones, err := geofence.NewIndex(geofence.Zone{
		ID: "school-12", Version: "v3", Kind: geofence.KindExclusion,
		Shape: geofence.Circle{Center: orb.Point{25.2797, 54.6872}, Radius: 60},
	})
	if err != nil {
		log.Fatal(err)
	}
	tracker, err := geofence.NewTracker(zones, geofence.Config{AssumedAccuracy: 10})
	if err != nil {
		log.Fatal(err)
	}
	history := new(em.MemoryHistory) // a real center keeps it in its database
	timeline, err := em.NewTimeline(em.Config{Subject: "person-1", History: history}, tracker)
	if err != nil {
		log.Fatal(err)
	}

	raw, err := hex.DecodeString(stream)
	if err != nil {
		log.Fatal(err)
	}
	session := gt06.Device().NewSession()
	decoder := protocol.NewDecoder(bytes.NewReader(raw), gt06.Device())
	now := time.Date(2026, 10, 3, 4, 12, 10, 0, time.UTC) // when the bytes came; a server takes the clock's
	for {
		frame, err := decoder.Next()
		if err != nil {
			break // io.EOF: the stream is over
		}
		var out protocol.Output // out.Send is what to answer, once all is stored
		if err := session.Handle(now, frame.Message, &out); err != nil {
			log.Fatal(err)
		}
		for _, o := range out.Observations {
			o = o.Stamp(now)
			if fix, ok := o.Body.(*em.Fix); ok {
				radius, _ := fix.Radius95(10)
				fmt.Printf("%s  fix             %s  %.5f,%.5f ±%.0f m\n", o.At.Format(time.RFC3339), o.Device, fix.Lat, fix.Lng, radius)
			}
			var result em.Result
			if err := timeline.Feed(&result, now, o); err != nil {
				log.Fatal(err)
			}
			history.Commit(&result, o)
			for _, c := range result.Changes {
				e := c.Event
				fmt.Printf("%s  %-14s  %s  zone=%s rule=%s@%s  %s\n", e.At.Format(time.RFC3339), e.Detail.Kind, o.Device, e.About, e.Rule, e.Version, e.Detail.Reason)
			}
		}
	}
}

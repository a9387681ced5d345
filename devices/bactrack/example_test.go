package bactrack_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/bactrack"
	"github.com/sargas-em/em/protocol"
)

// A host uploads a result that it has kept while there was no connection.
func Example() {
	device := bactrack.Device()
	now := time.Date(2026, 10, 3, 22, 0, 0, 0, time.UTC)
	session := device.NewSession()
	var out protocol.Output
	for _, line := range []string{
		"EMTUN/1 hello bactrack VIO-0017 kept*45\r\n",
		"EMTUN/1 late 2026-10-03T19:30:00.000Z 41 100205815500d000011017*02\r\n",
	} {
		m, err := device.Codec.Decode([]byte(line))
		if err != nil {
			fmt.Println(err)
			return
		}
		out.Reset()
		if err := session.Handle(now, m, &out); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, o := range out.Observations {
		o = o.Stamp(now)
		r := o.Body.(*em.AlcoholReading)
		fmt.Println(o.At.Format(time.RFC3339), o.Device, r.Value, r.Unit, r.Status)
	}
	for _, m := range out.Send { // a protocol.Link sends it when they are durable
		b, _ := device.Codec.Append(nil, m)
		fmt.Printf("%q\n", b)
	}
	// Output:
	// 2026-10-03T19:30:00Z bactrack:VIO-0017 0.0208 g/100mL blood ok
	// "EMTUN/1 ok 41*58\r\n"
}

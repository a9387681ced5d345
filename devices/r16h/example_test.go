package r16h_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/r16h"
	"github.com/sargas-em/em/protocol"
)

// A strap is opened while the tracker has no connection, and closed again.
func Example() {
	stream := strings.NewReader("@LINK,990000000000017$" +
		"@LBSD,990000000000017,S,20260314,092110,246-1-0d7a-b913:-97,,,67,R,ULK$" +
		"@GPSD,990000000000017,R,20260314,092653,54.68720,N,25.27970,E,4,309,112,67,L,$")
	device := r16h.Device()
	session := device.NewSession()
	frames := protocol.NewDecoder(stream, device)
	for {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		var out protocol.Output
		if err := session.Handle(time.Now(), frame.Message, &out); err != nil {
			fmt.Println(err)
		}
		for _, o := range out.Observations {
			if b, ok := o.Body.(*em.Tamper); ok {
				fmt.Println(o.DeviceAt.Format(time.TimeOnly), o.Device, b.What, "closed:", b.Cleared, "stored:", o.Stored)
			}
		}
	}
	// Output:
	// 09:21:10 r16h:990000000000017 strap closed: false stored: true
	// 09:26:53 r16h:990000000000017 strap closed: true stored: false
}

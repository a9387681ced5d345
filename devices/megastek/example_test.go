package megastek_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/megastek"
	"github.com/sargas-em/em/protocol"
)

// An ankle tracker reports that its belt was opened. Nothing is answered.
func Example() {
	stream := strings.NewReader("0156$MGV002,990000000000017,,S,140326,092653,A,5441.23200,N,02516.78200,E,00,09,00,0.88,1.21,40.90,112.5,,246,01,0D7A,B913,28,0000,0000,0,,,,,,01,092,Belt Off;!")
	device := megastek.Device()
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
			fmt.Println(o.DeviceAt.Format(time.TimeOnly), o.Device, o.Body.Kind(), "stored:", o.Stored)
			if t, ok := o.Body.(*em.Tamper); ok {
				fmt.Println("  the", t.What, "is open:", !t.Cleared)
			}
		}
		fmt.Println(len(out.Send), "replies")
	}
	// Output:
	// 09:26:53 megastek:990000000000017 fix stored: true
	// 09:26:53 megastek:990000000000017 tamper stored: true
	//   the strap is open: true
	// 09:26:53 megastek:990000000000017 power stored: true
	// 09:26:53 megastek:990000000000017 comms stored: true
	// 09:26:53 megastek:990000000000017 vendor stored: true
	// 0 replies
}

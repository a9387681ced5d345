package watch3g_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/watch3g"
	"github.com/sargas-em/em/protocol"
)

// A bracelet is taken off; the center answers and asks for positions.
func Example() {
	stream := strings.NewReader("[3G*9900000017*0002*LK]" +
		"[3G*9900000017*005c*AL,140326,092653,A,54.687200,N,25.279700,E,0.00,0.0,112.5,9,80,67,1234,2,00100000,0,0,0.0]")
	device := watch3g.Device()
	session := device.NewSession()
	frames := protocol.NewDecoder(stream, device)
	show := func(m protocol.Message) {
		b, err := device.Codec.Append(nil, m)
		fmt.Printf("-> %s %v\n", b, err)
	}
	for {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
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
			switch b := o.Body.(type) {
			case *em.Tamper:
				fmt.Println(o.DeviceAt.Format(time.TimeOnly), o.Device, b.What)
			}
		}
		for _, m := range out.Send { // once the observations are durable
			show(m)
		}
	}
	if to, ok := watch3g.Address(session); ok {
		show(to.Locate())
	}
	// Output:
	// -> [3G*9900000017*0002*LK] <nil>
	// 09:26:53 watch3g:9900000017 removal
	// -> [3G*9900000017*0002*AL] <nil>
	// -> [SG*9900000017*0002*CR] <nil>
}

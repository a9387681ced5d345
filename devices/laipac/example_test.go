package laipac_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sargas-em/em/devices/laipac"
	"github.com/sargas-em/em/protocol"
)

// A bracelet reports that its strap was tampered with, and is answered.
func Example() {
	stream := strings.NewReader("$AVRMC,99000017,092653,a,5441.2320,N,02516.7820,E,1.21,40.90,140326,T,3987,12,1,0,0,0D7AB913,024601*32\r\n")
	device, err := laipac.New(laipac.Config{Release: true})
	if err != nil {
		fmt.Println(err)
		return
	}
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
			fmt.Println(o.DeviceAt.Format(time.TimeOnly), o.Device, o.Body.Kind())
		}
		for _, m := range out.Send { // once the observations are durable
			b, err := device.Codec.Append(nil, m)
			fmt.Printf("-> %q %v\n", b, err)
		}
	}
	// Output:
	// 09:26:53 laipac:99000017 fix
	// 09:26:53 laipac:99000017 tamper
	// 09:26:53 laipac:99000017 power
	// 09:26:53 laipac:99000017 comms
	// -> "$EAVACK,T,32*4E\r\n" <nil>
	// -> "$AVCFG,00000000,t*21\r\n" <nil>
}

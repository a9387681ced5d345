package xexun2_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/xexun2"
	"github.com/sargas-em/em/protocol"
)

// A tracker is dismantled; the center acknowledges and asks for more positions.
func Example() {
	stream, _ := hex.DecodeString("faaf0014000799000000000001700031f32401002e0169b529dd140043030000000280001e47001b40a3a990624dd2f140b5413b645a1cac010928002d0c1842e10000faaf")
	device := xexun2.Device()
	session := device.NewSession()
	frames := protocol.NewDecoder(bytes.NewReader(stream), device)
	for {
		frame, err := frames.Next()
		if err != nil {
			break // io.EOF
		}
		var out protocol.Output
		if err := session.Handle(time.Now(), frame.Message, &out); err != nil {
			fmt.Println(err)
		}
		for _, o := range out.Observations {
			at := o.DeviceAt.Format(time.TimeOnly)
			switch b := o.Body.(type) {
			case *em.Fix:
				fmt.Printf("%s %s at %.4f, %.4f\n", at, o.Device, b.Lat, b.Lng)
			case *em.Tamper:
				fmt.Println(at, o.Device, b.What)
			}
		}
		for _, m := range out.Send { // once the observations are durable
			b, err := device.Codec.Append(nil, m)
			fmt.Printf("-> %x %v\n", b, err)
		}
	}
	text, err := xexun2.TrackEvery(30*time.Second, 5*time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	imei, err := xexun2.ParseIMEI("990000000000017")
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := device.Codec.Append(nil, xexun2.NewCommand(imei, 3, text))
	fmt.Printf("-> %x %v\n", b, err)
	// Output:
	// 09:26:53 xexun2:990000000000017 at 54.6872, 25.2797
	// 09:26:53 xexun2:990000000000017 removal
	// -> faaf0014000799000000000001700001fffe01faaf <nil>
	// -> faaf0007000399000000000001700014f944747261636b696e675f73656e643d33302c333030faaf <nil>
}

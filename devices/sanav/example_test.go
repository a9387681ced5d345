package sanav_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/sanav"
	"github.com/sargas-em/em/protocol"
)

// A home unit hears its bracelet, reports an opened strap, and hears it no more.
func Example() {
	const tail = ",,,,17,M16,3782mV,45,2.40,246,1,0D7A,B913,36\r\n"
	stream := strings.NewReader("" +
		"990000000000017,$GNRMC,092653.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*6C,AUTO,I0251" + tail +
		"990000000000017,$GNRMC,092753.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*6D,ST,I0251" + tail +
		"990000000000017,$GNRMC,092853.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*62,AUTO," + tail)
	device := sanav.Device()
	session := device.NewSession()
	frames := protocol.NewDecoder(stream, device)
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
			at := o.DeviceAt.Format(time.TimeOnly)
			switch b := o.Body.(type) {
			case *em.Beacon:
				fmt.Println(at, o.Device, "bracelet", b.Beacon, "lost:", b.Lost)
			case *em.Tamper:
				fmt.Println(at, o.Device, "tamper:", b.What)
			}
		}
	}
	command, err := sanav.Account{}.RelayAlarmOff("I0251")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(command.ShortMessage())
	// Output:
	// 09:26:53 sanav:990000000000017 bracelet I0251 lost: false
	// 09:27:53 sanav:990000000000017 tamper: strap
	// 09:27:53 sanav:990000000000017 bracelet I0251 lost: false
	// 09:28:53 sanav:990000000000017 bracelet I0251 lost: true
	// #username,0000,rfcmd,I0251,ac* <nil>
}

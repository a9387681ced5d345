package gt06_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
)

// A device logs in and tells that it was taken off.
func Example() {
	stream, _ := hex.DecodeString("78780d0109900000000000170001d9d40d0a" +
		"787825261a030e09141ec905de071302b6538e12150f090001012a5101e24046060418020017b4280d0a")
	device := gt06.Device()
	session := device.NewSession()
	decoder := protocol.NewDecoder(bytes.NewReader(stream), device)
	received := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	var out protocol.Output
	for {
		frame, err := decoder.Next()
		if err != nil {
			break // io.EOF
		}
		out.Reset()
		if err := session.Handle(received, frame.Message, &out); err != nil {
			fmt.Println(err)
		}
		for _, o := range out.Observations {
			o = o.Stamp(received)
			switch b := o.Body.(type) {
			case *em.Fix:
				fmt.Printf("%s %s at %.4f, %.4f\n", o.Device, o.At.Format(time.TimeOnly), b.Lat, b.Lng)
			case *em.Tamper:
				fmt.Printf("%s %s %s (%s)\n", o.Device, o.At.Format(time.TimeOnly), b.What, b.Code)
			}
		}
		for _, m := range out.Send {
			b, _ := device.Codec.Append(nil, m)
			fmt.Printf("answer %x\n", b)
		}
	}
	// Output:
	// answer 787805010001d9dc0d0a
	// gt06:990000000000017 09:20:30 at 54.6872, 25.2797
	// gt06:990000000000017 09:20:30 removal (0x18)
	// answer 78780526001723550d0a
}

// A command goes out as a message; the device's reply repeats the flag.
func ExampleNewCommand() {
	b, err := gt06.Codec{}.Append(nil, gt06.NewCommand(1, 0, "STATUS#"))
	fmt.Printf("%x %v\n", b, err)
	// Output:
	// 787811800b00000000535441545553230001629b0d0a <nil>
}

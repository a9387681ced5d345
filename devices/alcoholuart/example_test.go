package alcoholuart_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/alcoholuart"
	"github.com/sargas-em/em/protocol"
)

// A kiosk asks its module for a reading.
func Example() {
	device := alcoholuart.Device()
	session := device.Sessions(protocol.SessionConfig{Identity: "kiosk-17"})
	request, err := device.Codec.Append(nil, &alcoholuart.Read{}) // by way of protocol.Link.Do
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("-> % X\n", request)

	message, err := device.Codec.Decode([]byte{0xFF, 0x86, 0, 0, 0, 0, 0x02, 0x08, 0x70})
	if err != nil {
		fmt.Println(err)
		return
	}
	var out protocol.Output
	if err := session.Handle(time.Now(), message, &out); err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range out.Observations {
		reading := o.Body.(*em.AlcoholReading)
		fmt.Println(o.Device, reading.Value, reading.Unit)
	}
	// Output:
	// -> FF 01 86 00 00 00 00 00 79
	// alcoholuart:kiosk-17 520 raw
}

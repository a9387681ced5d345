package blebeacon_test

import (
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/blebeacon"
)

// A home unit has heard an advertisement at -71 dBm.
func ExampleParse() {
	payload := []byte("\x02\x01\x06" + // flags
		"\x1a\xff\x4c\x00\x02\x15\x2f\x00\xc0\xde\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x17\x00\x01\x00\x02\xc5")
	a, err := blebeacon.Parse(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range a.Frames {
		if b, ok := f.(blebeacon.Beacon); ok {
			fmt.Printf("%s, about %.0f m\n", b.Kind(), blebeacon.Distance(b.At1m(), -71))
		}
	}
	for _, contact := range a.Contacts(em.Some(-71)) {
		fmt.Println(contact.Radio, contact.Beacon, contact.RSSI.V)
	}
	// Output:
	// ibeacon, about 4 m
	// ble 2f00c0de-0000-4000-8000-000000000017/1/2 -71
}

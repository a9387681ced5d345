package siadc09_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/devices/siadc09"
	"github.com/sargas-em/em/protocol"
)

// A home unit reports, encrypted, that its zone 1 was tampered with.
func Example() {
	key, err := siadc09.ParseKey("0123456789ABCDEF")
	if err != nil {
		fmt.Println(err)
		return
	}
	device, err := siadc09.New(siadc09.Config{Accounts: map[string]siadc09.Key{"1234": key}})
	if err != nil {
		fmt.Println(err)
		return
	}
	const frame = "\nE55A0078\"*SIA-DCS\"0009R1L0#1234[85D8127613D6DC35BA90AB0865674ACF83E2FCD35A3F1F757F44665CC73D9A5E716B9D0E5A8CA3B258C904F8F36EC87F\r"
	message, err := device.Codec.Decode([]byte(frame))
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 1, 2, 12, 0, 1, 0, time.UTC)
	var out protocol.Output
	if err := device.NewSession().Handle(now, message, &out); err != nil {
		fmt.Println(err)
	}
	for _, o := range out.Observations {
		fmt.Println(o.DeviceAt.Format(time.TimeOnly), o.Device, o.Body.Kind())
	}
	for _, m := range out.Send { // once the observations are durable
		fmt.Println("->", m.Type())
	}
	// Output:
	// 12:00:00 siadc09:1234 tamper
	// 12:00:00 siadc09:1234 vendor
	// -> ACK
}

package nmea_test

import (
	"fmt"

	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

func ExampleRMC_Read() {
	frame := []byte("$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52")
	c := wire.New(frame)
	var r nmea.RMC
	r.Read(&c, frame)
	p, _ := nmea.LatLng(r.Lat, r.Lng)
	fmt.Printf("%s %.5f %.5f %s kn\n", r.Time.Format("2006-01-02 15:04:05"), p.Lat, p.Lng, r.Speed.V)
	// Output: 2026-03-14 09:26:53 54.68720 25.27970 1.21 kn
}

func ExamplePlainNumber() {
	line := []byte("140326,092653,5.21,,A1")
	day, i := nmea.PlainDay(line, 0)
	clock, i := nmea.PlainClock(line, i)
	speed, i := nmea.PlainNumber(line, i)
	course, i := nmea.PlainNumber(line, i)
	fmt.Println(day.Add(clock).Format("2006-01-02 15:04:05"), speed.V, course.OK, i == nmea.Odd)
	_, i = nmea.PlainNumber(line, i)
	fmt.Println(i == nmea.Odd)
	// Output:
	// 2026-03-14 09:26:53 5.21 false false
	// true
}

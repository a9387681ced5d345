package rftrack_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/protocol"
)

// A unit's report is answered when it is durable.
func ExampleNewHandler() {
	h, err := rftrack.NewHandler(rftrack.HandlerConfig{
		Now: func() time.Time { return time.Date(2026, 3, 14, 9, 26, 54, 0, time.UTC) },
		Commit: func(_ context.Context, r *protocol.Report) error {
			for _, o := range r.Frames[0].Observations {
				if b, ok := o.Body.(*em.Beacon); ok {
					fmt.Println(o.Device, "hears", b.Beacon, o.At.Format(time.TimeOnly), "lost", b.Lost)
				}
			}
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/deviceDataUpload.do", strings.NewReader("i=990000000000017&t=1773480413000&id=39163&idt=140736414711817")))
	fmt.Println(w.Code, w.Body)
	// Output:
	// rftrack:990000000000017 hears 39163 09:26:23 lost false
	// 200 {}
}

// Command holidays writes the public holidays of a country as a calendar of
// package curfew: JSON to be put under "calendars" of an order, and edited first.
//
//	holidays --country LT --from 2026 --years 2 --like sun
//
// Without --like the days change nothing until somebody writes what they change:
// "like", "replace" or "rows". The dates are those of the library rickar/cal. It
// knows LT, LV and NO among others, and not EE: that calendar has to be written
// by hand. Of LT and NO it omits holidays that are always on a Sunday, such as
// Easter Sunday. Where a holiday is kept on another day instead, both are
// listed. No list replaces a look at the law: it is a start for an officer.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/se"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/examples/internal/program"
)

// countries are by ISO 3166 code; further ones of the library are one line each.
var countries = map[string][]*cal.Holiday{
	"DE": de.Holidays, "DK": dk.Holidays, "GB": gb.Holidays, "LT": lt.Holidays,
	"LV": lv.Holidays, "NO": no.Holidays, "PL": pl.Holidays, "SE": se.Holidays,
}

func main() { program.Main("holidays", 1, run) }

func run(args []string, out, errs io.Writer) error {
	fs := flag.NewFlagSet("holidays", flag.ContinueOnError)
	fs.SetOutput(errs)
	country := fs.String("country", "", "ISO 3166 `code`: "+strings.Join(slices.Sorted(maps.Keys(countries)), ", "))
	from := fs.Int("from", 0, "first `year`")
	years := fs.Int("years", 1, "how many")
	like := fs.String("like", "", "what `day` of the week (sun) a holiday is like; empty: left open")
	if err := program.ParseAll(fs, args); err != nil {
		return err
	}
	c, err := calendar(strings.ToUpper(*country), *from, *years, strings.ToLower(*like))
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(c)
}

func calendar(country string, from, years int, like string) (curfew.Calendar, error) {
	list, ok := countries[country]
	switch {
	case !ok:
		return curfew.Calendar{}, program.Usagef("no calendar of %q: there are %s", country, strings.Join(slices.Sorted(maps.Keys(countries)), ", "))
	case from < 2000 || years < 1 || from+years > 2200:
		return curfew.Calendar{}, program.Usagef("%d years from %d: years are 2000 to 2199", years, from)
	}
	var day em.Opt[time.Weekday]
	if like != "" {
		i := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, like)
		if i < 0 {
			return curfew.Calendar{}, program.Usagef("%q is not mon, tue, wed, thu, fri, sat or sun", like)
		}
		day = em.Some(time.Weekday(i))
	}
	c := curfew.Calendar{Name: fmt.Sprintf("%s %d-%d", country, from, from+years-1)}
	for year := from; year < from+years; year++ {
		for _, h := range list {
			actual, observed := h.Calc(year)
			for i, at := range []time.Time{actual, observed} {
				if at.IsZero() || at.Year() != year || i == 1 && at.Equal(actual) {
					continue
				}
				name := h.Name
				if i == 1 {
					name += " (observed)"
				}
				// The library's times are midnights of the system's zone.
				d := curfew.Date{Year: at.Year(), Month: at.Month(), Day: at.Day()}
				k := slices.IndexFunc(c.Days, func(o curfew.Holiday) bool { return o.Date == d })
				if k >= 0 { // two on one day
					c.Days[k].Name += ", " + name
					continue
				}
				c.Days = append(c.Days, curfew.Holiday{Date: d, Name: name, Like: day})
			}
		}
	}
	slices.SortFunc(c.Days, func(a, b curfew.Holiday) int { return strings.Compare(a.Date.String(), b.Date.String()) })
	return c, nil
}

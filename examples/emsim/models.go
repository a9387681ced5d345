package main

import (
	"slices"

	"github.com/sargas-em/em/devices/bactrack"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// model is what --codec names: a dialect, or a device of one that has a simulator
// of its own. Its Device has the dialect's name.
type model struct {
	name string
	protocol.Device
}

// models lists all of them, by name.
func models(reg *protocol.Registry) []model {
	var all []model
	for _, d := range reg.All() {
		all = append(all, model{d.Name, d})
		if d.Name == bactrack.Name { // named as the preamble of its tunnel has it
			all = append(all, model{"bactrack-c", bactrack.C6()}, model{"bactrack-m", bactrack.Mobile()})
		}
	}
	return all
}

// findModel returns the device that --codec names.
func findModel(reg *protocol.Registry, name string) (protocol.Device, error) {
	all := models(reg)
	if i := slices.IndexFunc(all, func(m model) bool { return m.name == name }); i >= 0 {
		return all[i].Device, nil
	}
	var names []string
	for _, m := range all {
		names = append(names, m.name)
	}
	return protocol.Device{}, program.Usagef("no codec %q; there are %v", name, names)
}

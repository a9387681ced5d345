package nmea

import "github.com/sargas-em/em/protocol/layout"

// Layout says of a sentence what RMC.Read reads, for the layouts of dialects that
// have one. It sets the variable rmc_star to where the star is; below zero there is
// none, and then the comma behind the sentence is part of its last field.
func Layout() layout.Node {
	sentence := layout.Seq(
		layout.Lit("rmc start", "$"),
		layout.If("until(',') == 5 && byte(pos + 2) == 0x52 && be16(pos + 3) == 0x4D43 && (rmc_commas < 11 || rmc_commas > 12)",
			layout.Text("rmc", "left")),
		Field("rmc name"),
		Field("rmc time").Date("hhmmss"),
		Field("rmc status").Meanings(map[string]string{"A": "fix", "V": "no fix"}),
		layout.DegMin("rmc latitude", ','), layout.DegMin("rmc longitude", ','),
		Field("rmc speed"), Field("rmc course"),
		Field("rmc date").Date("DDMMYY"),
		Field("rmc variation"), Field("rmc variation direction"),
		layout.If("rmc_commas >= 12", Field("rmc mode")),
	)
	return layout.Seq(
		layout.Let("rmc_start", "pos + 1"),
		layout.Let("rmc_star", "find('*')"),
		layout.Switch(
			layout.Case("rmc_star >= 0",
				layout.Sub("rmc_star - pos", layout.Let("rmc_commas", "count(',')"), sentence),
				layout.Lit("rmc star", "*"),
				layout.Check("rmc checksum", layout.Xor8, "rmc_start", "rmc_star").InHex(),
			),
			layout.Else(layout.Let("rmc_commas", "min(count(','), 12)"), sentence),
		),
	)
}

// Field is a field of text up to its comma, as ReadText reads it.
func Field(name string) layout.Node { return layout.Word(name, ',') }

package scaffold

import (
	"testing"

	"github.com/sargas-em/em/protocol/codectest"
)

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }

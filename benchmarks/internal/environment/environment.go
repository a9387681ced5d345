// Package environment tells on what a benchmark was run, so that its figures can
// be judged and repeated.
package environment

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine is what a benchmark was run on, and of what source.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Commit string `json:"commit"` // of the working tree; "+changes" where it has some
}

// Describe describes this machine and the working tree. What is not to be had is
// "unknown".
func Describe() Machine {
	m := Machine{CPU: "unknown", CPUs: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Kernel: "unknown", Go: runtime.Version(), Commit: "unknown"}
	field := func(file, key string) string {
		b, _ := os.ReadFile(file)
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
				return strings.TrimSpace(v)
			}
		}
		return ""
	}
	m.CPU = cmp.Or(field("/proc/cpuinfo", "model name"), m.CPU)
	if f := field("/proc/cpuinfo", "cpu family"); f != "" { // a virtual machine's model name says little
		m.CPU += fmt.Sprintf(" (%s family %s model %s, %s cache)", field("/proc/cpuinfo", "vendor_id"), f, field("/proc/cpuinfo", "model"), field("/proc/cpuinfo", "cache size"))
	}
	fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &m.Memory)
	m.Memory <<= 10
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(b))
	}
	if b, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(b))
		if b, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(b) > 0 {
			m.Commit += "+changes"
		}
	}
	return m
}

// String is one line.
func (m Machine) String() string {
	return fmt.Sprintf("%d × %s, %.0f GiB, %s, Linux %s", m.CPUs, m.CPU, float64(m.Memory)/(1<<30), m.OS, m.Kernel)
}

// Versions are those of the modules with these paths that the program is built of.
func Versions(modules ...string) map[string]string {
	v := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, path := range modules {
		for _, d := range info.Deps {
			if d.Path == path {
				v[path] = d.Version
			}
		}
	}
	return v
}

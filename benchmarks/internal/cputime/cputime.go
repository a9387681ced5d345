// Package cputime measures what a thread has computed rather than what time has
// passed, so that others on the machine count less.
package cputime

package serialline

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenPTY makes a pair of pseudo-terminals: what is written to master can be
// read from the port named slave, and the other way round. The pair is raw from
// the start: nothing is echoed or translated. Open opens the slave like any
// serial port, and another process can too. master has deadlines; while nobody has
// the slave open, reading it may fail with EIO. The pair goes when master is
// closed. On other systems than Linux the error wraps errors.ErrUnsupported.
func OpenPTY() (master *os.File, slave string, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", fmt.Errorf("serialline: pseudo-terminal: %w", err)
	}
	slave, err = setUp(master)
	if err != nil {
		master.Close()
		return nil, "", fmt.Errorf("serialline: pseudo-terminal: %w", err)
	}
	return master, slave, nil
}

// setUp unlocks the slave, makes the pair raw and returns the slave's path.
func setUp(master *os.File) (slave string, err error) {
	conn, err := master.SyscallConn()
	if err != nil {
		return "", err
	}
	var ioErr error
	err = conn.Control(func(fd uintptr) { // Fd would make the file blocking
		var n int
		if n, ioErr = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); ioErr != nil {
			return
		}
		slave = "/dev/pts/" + strconv.Itoa(n)
		if ioErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioErr != nil {
			return
		}
		var t *unix.Termios
		if t, ioErr = unix.IoctlGetTermios(int(fd), unix.TCGETS); ioErr != nil {
			return
		}
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		ioErr = unix.IoctlSetTermios(int(fd), unix.TCSETS, t)
	})
	if err == nil {
		err = ioErr
	}
	return slave, err
}

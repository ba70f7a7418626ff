package syscall

// Sockets do not exist; package net keeps its connections in memory.

func Socket(proto, sotype, unused int) (fd int, err error)             { return 0, ENOSYS }
func Bind(fd int, sa Sockaddr) error                                   { return ENOSYS }
func Listen(fd int, backlog int) error                                 { return ENOSYS }
func Accept(fd int) (newfd int, sa Sockaddr, err error)                { return 0, nil, ENOSYS }
func Connect(fd int, sa Sockaddr) error                                { return ENOSYS }
func Recvfrom(fd int, p []byte, flags int) (int, Sockaddr, error)      { return 0, nil, ENOSYS }
func Sendto(fd int, p []byte, flags int, to Sockaddr) error            { return ENOSYS }
func GetsockoptInt(fd, level, opt int) (value int, err error)          { return 0, ENOSYS }
func SetsockoptInt(fd, level, opt int, value int) error                { return ENOSYS }
func SetReadDeadline(fd int, t int64) error                            { return ENOSYS }
func SetWriteDeadline(fd int, t int64) error                           { return ENOSYS }
func Shutdown(fd int, how int) error                                   { return ENOSYS }
func SendmsgN(fd int, p, oob []byte, to Sockaddr, fl int) (int, error) { return 0, ENOSYS }

func Recvmsg(fd int, p, oob []byte, flags int) (n, oobn, recvflags int, from Sockaddr, err error) {
	return 0, 0, 0, nil, ENOSYS
}

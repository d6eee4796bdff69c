// The sandbox container of every pod: it holds the namespaces open and ends when told to.
// In Go and static, so that the cluster needs neither an image registry nor a C compiler.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}

// Command bank serves the example bank.
//
//	go run ./examples/bank/cmd/bank -issuer http://localhost:8484 -listen 127.0.0.1:9000
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"

	"tandem.example/tandem/examples/bank"
)

func main() {
	issuer := flag.String("issuer", "http://localhost:8484", "URL of the Tandem server")
	listen := flag.String("listen", "127.0.0.1:9000", "address to serve on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("the bank is open at http://%s", l.Addr())
	if err := bank.Serve(ctx, l, bank.Config{Issuer: *issuer, Name: "bank"}); err != nil {
		log.Fatal(err)
	}
}

// A server with rs/cors in front of a handler, for real.rs: the header X-Options has the options of the library, X-Upstream
// the headers of the handler's response. Prints its port.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/rs/cors"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, http.HandlerFunc(serve)))
}

func serve(w http.ResponseWriter, r *http.Request) {
	var options cors.Options
	if err := json.Unmarshal([]byte(r.Header.Get("X-Options")), &options); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	cors.New(options).Handler(http.HandlerFunc(upstream)).ServeHTTP(w, r)
}

func upstream(w http.ResponseWriter, r *http.Request) {
	var lines [][2]string
	if err := json.Unmarshal([]byte(r.Header.Get("X-Upstream")), &lines); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, line := range lines {
		w.Header().Add(line[0], line[1])
	}
}

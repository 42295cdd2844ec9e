//go:build !unix

package procpool_test

func orphanage() {}

func rawEcho() {}

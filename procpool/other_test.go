//go:build !unix && !windows

package procpool_test

func orphanage() {}

func rawEcho() {}

func unusualWorker() {}

func nursery() {}

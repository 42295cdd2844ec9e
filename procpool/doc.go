// Package procpool runs functions in worker processes: what burns the processor,
// eats memory, may crash, or cannot be interrupted. A goroutine cannot be killed; a
// process can.
//
//	var Thumbnail = procpool.Register("thumbnail", func(ctx context.Context, image []byte) ([]byte, error) {
//		return shrink(image) // a crash in here costs one job
//	})
//
//	func main() {
//		procpool.ServeIfWorker() // in a worker: serves jobs and never returns
//		pool, err := procpool.New(procpool.Config{Name: "images", Max: 4, JobTimeout: time.Minute})
//		if err != nil {
//			log.Fatal(err)
//		}
//		small, err := procpool.DeferToProcess(context.Background(), pool, Thumbnail, large).Wait(2 * time.Minute)
//		...
//		err = pool.Stop(context.Background())
//	}
//
// The workers are the same program, started again; what they run was registered in
// both. Workers of other programs, in any language, speak docs/worker-protocol.md.
//
// What holds:
//
//   - A job runs once. If its worker dies it fails with a [*WorkerExitError], and
//     only it does; jobs of functions declared idempotent are run once more.
//   - A job that does not stop when it is asked to is killed, with everything that
//     its worker has started, and a new worker takes the place.
//   - A value is encoded before DeferToProcess returns, with encoding/gob, whose
//     rules hold: unexported fields stay behind, and nil and empty are the same. A
//     []byte crosses as it is and, if it is large, in shared memory on Linux.
//   - No worker outlives the pool's process, whatever ends that.
//   - Stop runs what was accepted, within its ctx, and leaves no process behind.
//
// Linux has everything that is described here. On other Unix systems there are no
// Limits, no MaxRSS and no shared memory, and what a worker has started survives it
// when it dies by itself. On Windows there are two of the Limits and no shared
// memory, and the only KillSignal is os.Kill; a worker and all that it starts are in
// a job object. Elsewhere only Config.InProcess works.
package procpool

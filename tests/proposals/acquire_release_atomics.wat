;; Atomic accesses that order less.
(module
  (memory (export "memory") 1 1 shared)
  (func (export "add") (param i32) (result i32)
    (i32.atomic.store acqrel (i32.const 0) (local.get 0))
    (return (i32.atomic.load acqrel (i32.const 0)))))

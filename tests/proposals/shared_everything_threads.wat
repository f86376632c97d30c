;; Shared functions, globals and tables. A shared function may not call a hook, which is none: it is left out.
(module
  (type $shared (shared (func (param i32) (result i32))))
  (type $plain (func (param i32) (result i32)))
  (global $count (export "count") (shared mut i32) (i32.const 0))
  (func $inside (export "inside") (type $shared)
    (global.atomic.rmw.add seqcst $count (local.get 0)))
  (func (export "outside") (type $plain)
    (drop (call $inside (local.get 0)))
    (return (global.atomic.get seqcst $count))))

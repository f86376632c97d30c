;; Mutable globals that are imported and exported: both sides see each write.
(module
  (import "host" "shared" (global $theirs (mut i32)))
  (global $ours (export "ours") (mut i64) (i64.const 5))
  (export "theirs" (global $theirs))
  (func (export "write") (param i32) (result i32)
    (global.set $theirs (i32.add (global.get $theirs) (local.get 0)))
    (global.set $ours (i64.extend_i32_u (global.get $theirs)))
    (return (global.get $theirs))))

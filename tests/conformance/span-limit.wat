;; A call has more calls below it than may become spans: the slowest stay, here the outermost, and all are counted.
(module
  (func $down (param i32)
    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
  (func $work (export "work") (call $down (i32.const 9))))

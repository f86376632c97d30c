;; Traps have the same codes everywhere.
(module
  (memory 1)
  (func $divide (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
  (func $overflow (export "overflow") (drop (i32.div_s (i32.const 0x8000_0000) (i32.const -1))))
  (func $convert (export "convert") (drop (i32.trunc_f32_s (f32.const nan))))
  (func $load (export "load") (drop (i32.load (i32.const 0x7fff_ffff)))))

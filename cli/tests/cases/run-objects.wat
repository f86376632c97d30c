;; RUN: run % --invoke work --sort name
;; RUN[inspect]: inspect %
;; RUN[plan]: plan %
(module
  (type $point (struct (field f64) (field f64)))
  (type $path (array (mut (ref null $point))))
  (type $unnamed-by-hosts (struct))
  (func $point (result (ref $point)) (struct.new $point (f64.const 1) (f64.const 2)))
  (func $path (param $length i32) (result (ref $path)) (array.new $path (call $point) (local.get $length)))
  (func $work (export "work")
    (drop (call $path (i32.const 10)))
    (drop (call $path (i32.const 20)))
    (drop (call $point))))

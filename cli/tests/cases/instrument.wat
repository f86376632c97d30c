;; RUN: instrument % -o %tmp/out.wasm
;; RUN[json]: instrument % -o %tmp/out.wasm --json --include main
;; RUN[sidecar]: instrument % -o %tmp/out.wasm --manifest sidecar --mode counts
;; RUN[ring]: instrument % -o %tmp/out.wasm --mode ring
;; RUN[nothing]: instrument % -o %tmp/out.wasm --exclude *
;; RUN[overwrite]: instrument % -o instrument.wat
;; EXIT: 1
;; RUN[place]: instrument % -o %tmp/missing/out.wasm
;; EXIT: 1
;; RUN[nowhere]: instrument % -o - --manifest sidecar
;; EXIT: 1
;; RUN[alloc]: instrument % -o %tmp/out.wasm --alloc malloc=1,free=2
(module $sample
  (import "env" "log" (func $log (param i32)))
  (func $give (param i32) (result i32) (i32.const 1024))
  (func $take (param i32))
  (func $main (export "main") (call $take (call $give (i32.const 8))) (call $log (i32.const 1)))
  (memory 1)
  (@custom "sourceMappingURL" "\05a.map"))

;; RUN: instrument % -o %tmp/out.wasm --mode counts
;; RUN[json]: instrument % -o %tmp/out.wasm --json --mode counts --debug-out %tmp/debug.wasm
;; RUN[strip]: instrument % -o %tmp/out.wasm --mode counts --strip-debug
;; RUN[same]: instrument % -o %tmp/out.wasm --debug-out %tmp/out.wasm
;; EXIT: 1
;; RUN[both]: instrument % -o %tmp/out.wasm --strip-debug --debug-out %tmp/debug.wasm
;; EXIT: 2
(module
  (func $f)
  (@custom "sourceMappingURL" "\19instrument-source-map.map"))

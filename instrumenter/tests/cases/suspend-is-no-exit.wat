;; RUN: calls
(module
  (type $f (func))
  (type $k (cont $f))
  (tag $yield)
  (func $worker (type $f) (suspend $yield))
  (elem declare func $worker)
  (func $run
    (block $parked (result (ref $k))
      (resume $k (on $yield $parked) (cont.new $k (ref.func $worker)))
      (return))
    (drop)))

/* Spread order: every index once, each far from the ones before it, by a golden-ratio stride. */
#ifndef CAUSEWAY_BENCH_SPREAD_H
#define CAUSEWAY_BENCH_SPREAD_H

#include <stdint.h>

static inline uint64_t common_divisor(uint64_t a, uint64_t b) {
  while (b != 0) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static inline uint64_t spread_stride(uint64_t count) {
  uint64_t stride = (uint64_t)(count * 0.6180339887498949) | 1;
  while (count > 1 && common_divisor(stride, count) != 1) stride += 2;
  return stride;
}

#endif

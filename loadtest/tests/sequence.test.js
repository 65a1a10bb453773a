// What is wrong with the numbers that have come.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Sequence } from "../lib/sequence.js";

test("numbers in order are right", () => check([0, 1, 2, 3], { delivered: 4 }));
test("a number that has not come is lost", () => check([0, 2, 3], { delivered: 3, lost: 1 }));
test("the first and the last can be lost", () => check([1, 2], { delivered: 2, lost: 2 }));
test("all can be lost", () => check([], { lost: 4 }));
test("a number that comes again is doubled", () => check([0, 1, 1, 2, 0, 3], { delivered: 4, doubled: 2 }));
test("a number after a higher one is reordered, not lost", () => check([0, 2, 3, 1], { delivered: 4, reordered: 1 }));
test("it can be reordered and then doubled", () => check([1, 0, 0, 2, 3], { delivered: 4, reordered: 1, doubled: 1 }));
test("what is doubled makes up for nothing", () => check([0, 0, 0, 0], { delivered: 1, doubled: 3, lost: 3 }));

function check(numbers, expected) {
  const sequence = new Sequence();
  numbers.forEach((number) => sequence.take(number));
  const { delivered, doubled, reordered } = sequence;
  assert.deepEqual(
    { delivered, doubled, reordered, lost: sequence.lost(4) },
    { delivered: 0, doubled: 0, reordered: 0, lost: 0, ...expected },
  );
}

// What is wrong with the numbers that have come.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Sequence } from "../support/sequence.js";

test("numbers in order are right", () => check([0, 1, 2, 3], { delivered: 4 }));
test("a number that has not come is not delivered", () => check([0, 2, 3], { delivered: 3 }));
test("the first and the last can be missing", () => check([1, 2], { delivered: 2 }));
test("all can be missing", () => check([], {}));
test("a number that comes again is doubled", () => check([0, 1, 1, 2, 0, 3], { delivered: 4, doubled: 2 }));
test("a number after a higher one is reordered, not missing", () => check([0, 2, 3, 1], { delivered: 4, reordered: 1 }));
test("it can be reordered and then doubled", () => check([1, 0, 0, 2, 3], { delivered: 4, reordered: 1, doubled: 1 }));
test("what is doubled makes up for nothing", () => check([0, 0, 0, 0], { delivered: 1, doubled: 3 }));

function check(numbers, expected) {
  const sequence = new Sequence();
  numbers.forEach((number) => sequence.take(number));
  const { delivered, doubled, reordered } = sequence;
  assert.deepEqual({ delivered, doubled, reordered }, { delivered: 0, doubled: 0, reordered: 0, ...expected });
}

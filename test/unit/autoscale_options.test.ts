/**
 * The option `autoscale`: its defaults, the good and bad values of its parts, and what it means for
 * other options.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidOptionError } from "../../lib/core/errors.ts";
import {
  type AutoscaleOptions,
  resolveAutoscale,
} from "../../lib/store/options/autoscale_options.ts";
import type { OpenOptions } from "../../lib/store/options/options.ts";
import { resolveOptions } from "../../lib/store/options/resolved_options.ts";
import { assertThrows } from "../support/errors.ts";
import { SETTINGS } from "../support/statistics_windows.ts";

const GIVEN = { max: 4, slo: { meanMicros: 100, p99Micros: 1000 } };

/** Values of a part that are refused. */
const REFUSED: Record<string, readonly unknown[]> = {
  min: [0, 65, 1.5, "1", null],
  max: [0, 65, 1.5, "2", null, undefined],
  slo: [null, undefined, 100, {}, { meanMicros: undefined }, { p50Micros: 1 }],
  periodMs: [9, 3_600_001, NaN, "1s", null],
  graceMs: [-1, 86_400_001, NaN, Infinity, null],
  confirmations: [0, 101, 1.5, null],
  occupancy: [null, 0.2, { lower: 0.3 }, { upper: 0.1 }, { upper: 1.1 }, { lower: -0.1 }, {
    max: 1,
  }],
  hotKeySds: [-1, 101, NaN, null],
  coldKeySds: [-1, 101, "1", null],
  samplesMin: [0, 1.5, 1_000_001, null],
  dryRun: [0, "yes", null],
  log: [true, "console", null],
};

function refused(says: RegExp) {
  return { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION", says } as const;
}

test("the defaults are what the documentation of the options says", () => {
  assert.equal(resolveAutoscale(GIVEN), {
    settings: SETTINGS,
    periodMs: 1000,
    isDryRun: false,
    log: undefined,
  });
});

test("each part refuses bad values, by its name", () => {
  for (const [part, values] of Object.entries(REFUSED)) {
    for (const value of values) {
      const options = { ...GIVEN, [part]: value } as AutoscaleOptions;
      const says = new RegExp(`^autoscale\\.${part}[ .].*must .*, got `);
      assertThrows(() => resolveAutoscale(options), refused(says), `${part}: ${String(value)}`);
    }
  }
});

test("bounds of latency are above 0; one of them is enough", () => {
  for (const micros of [0, -1, NaN, Infinity, "5", null]) {
    const slo = { meanMicros: micros } as AutoscaleOptions["slo"];
    const says = /^autoscale\.slo\.meanMicros must be a number above 0, got /;
    assertThrows(() => resolveAutoscale({ max: 2, slo }), refused(says), String(micros));
  }
  const { settings } = resolveAutoscale({ max: 2, slo: { p99Micros: 0.5 } });
  assert.equal([settings.meanMicrosMax, settings.p99MicrosMax], [Infinity, 0.5]);
});

test("the fewest are no more than the most, and unknown parts are refused", () => {
  assertThrows(() => resolveAutoscale({ ...GIVEN, min: 5 }), refused(/^autoscale\.max .* from 5 /));
  const unknown = { ...GIVEN, maximum: 3 } as AutoscaleOptions;
  assertThrows(() => resolveAutoscale(unknown), refused(/^autoscale must have .*"maximum"$/));
  for (const value of [null, 3, "on"]) {
    const options = { autoscale: value } as unknown as OpenOptions;
    assertThrows(() => resolveOptions(options), refused(/^autoscale must be an object, got /));
  }
});

test("KNs to start with are within the bounds, the fewest by default", () => {
  const autoscale = { ...GIVEN, min: 2 };
  assert.is(resolveOptions({ autoscale }).nodes, 2);
  assert.is(resolveOptions({ autoscale, nodes: 4 }).nodes, 4);
  for (const nodes of [1, 5]) {
    const says = /^nodes must be a whole number from 2 to 4, got /;
    assertThrows(() => resolveOptions({ autoscale, nodes }), refused(says));
  }
});

test.run();

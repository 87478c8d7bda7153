/** What a record says that cannot be: a family, a state or a peer that there is not. The reader adds the place. */
export class Mistake extends Error {}

// Writes configuration files: hindsight.conf in pgBackRest's ini dialect, and settings in postgresql.conf's.

/** Keys and values of one section. */
export type ConfigSection = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Sections by name. */
export type ConfigSections = Readonly<Record<string, ConfigSection>>;

/** Values of PostgreSQL settings, by name. */
export type PostgresSettings = Readonly<Record<string, string | number | boolean>>;

/** The text of a hindsight.conf. */
export function formatConfig(sections: ConfigSections): string {
  return Object.entries(sections)
    .map(([name, section]) => `[${name}]\n${formatSection(section)}`)
    .join("\n");
}

/** Lines for postgresql.conf; the last line of a name counts. */
export function formatSettings(settings: PostgresSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join("");
}

function formatSection(section: ConfigSection): string {
  return Object.entries(section)
    .flatMap(([key, value]) => {
      if (typeof value === "boolean") return [`${key}=${value ? "y" : "n"}`];
      if (typeof value === "object") return value.map((entry) => `${key}=${entry}`);
      return [`${key}=${value}`];
    })
    .map((line) => `${line}\n`)
    .join("");
}

export { isProjectName, projectFiles } from "./project.ts";
export type { ProjectFile, ProjectLanguage, ProjectRequest } from "./common-files.ts";

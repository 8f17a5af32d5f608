import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseListPage } from '../src/list-page.ts';
import { encodeXmlText, xmlElements, xmlText } from '../src/scan-xml.ts';

const text = fc.string({
  unit: fc.constantFrom('<', '>', '&', '"', "'", 'a', ';', '#', 'ü', '☃', ' ', '\n'),
});

describe('the XML scanner', () => {
  test('reads back any text', () => {
    fc.assert(
      fc.property(text, text, (one, two) => {
        const xml = `<?xml version="1.0"?><Top xmlns="urn:x"><Keys>no</Keys><Key>${encodeXmlText(one)}</Key><Key>${encodeXmlText(two)}</Key></Top>`;
        expect(xmlText(xml, 'Key')).toBe(one);
        expect([...xmlElements(xml, 'Key')]).toEqual([encodeXmlText(one), encodeXmlText(two)]);
        expect(xmlText(xml, 'Ke')).toBeUndefined();
      }),
      { verbose: 1 },
    );
  });

  test.for([
    ['<K>&lt;&gt;&amp;&quot;&apos;</K>', `<>&"'`],
    ['<K>&#38;amp;</K>', '&amp;'],
    ['<K>&#x2603;&#9731;</K>', '☃☃'],
    ['<K>&amp;lt;</K>', '&lt;'],
    ['<K>&unknown; &#x7fffffff; & ;</K>', '&unknown; &#x7fffffff; & ;'],
    ['<K/>', ''],
    ['<K a="b">x</K>', 'x'],
    ['<Kx>1</Kx><K>2</K>', '2'],
  ] as const)('reads %j as %j', ([xml, wanted]) => {
    expect(xmlText(xml, 'K')).toBe(wanted);
  });

  test.for(['', '<K>', '<K>cut', '<K', 'text'])('finds nothing in %j', (xml) => {
    expect(xmlText(xml, 'K')).toBeUndefined();
    expect([...xmlElements(xml, 'K')]).toEqual([]);
  });
});

function page(contents: string, rest = ''): string {
  return `<ListBucketResult><IsTruncated>false</IsTruncated>${rest}${contents}</ListBucketResult>`;
}

describe('a page of a list', () => {
  test('decodes keys as AWS and as others encode them', () => {
    const keys = ['a+b', 'a%20b', 'a%2Bb%25', '%C3%BC&amp;', 'plain'];
    const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
    const encoded = parseListPage(page(contents, '<EncodingType>url</EncodingType>'));
    expect(encoded?.objects.map(({ key }) => key)).toEqual(['a b', 'a b', 'a+b%', 'ü&', 'plain']);
    const plain = parseListPage(page(contents));
    expect(plain?.objects.map(({ key }) => key)).toEqual(['a+b', 'a%20b', 'a%2Bb%25', '%C3%BC&', 'plain']);
  });

  test('is nothing when it is cut off or something else', () => {
    const whole = page('<Contents><Key>a</Key><Size>1</Size></Contents>');
    expect(parseListPage(whole)?.objects).toEqual([{ key: 'a', sizeBytes: 1, modifiedAt: '' }]);
    for (let length = 0; length < whole.length; length++) {
      expect(parseListPage(whole.slice(0, length))).toBeUndefined();
    }
    expect(parseListPage(page('<Contents><Key>a</Key><Size>many</Size></Contents>'))).toBeUndefined();
    expect(parseListPage('<html></html>')).toBeUndefined();
  });
});
